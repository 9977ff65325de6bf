"""yamlflow_nb: pipelines in YAML that run inside Jupyter."""
