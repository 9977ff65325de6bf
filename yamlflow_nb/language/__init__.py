"""text → PipelineDefinition + diagnostics

Reads a document with a place on every value, parses its expressions once, and finds what is wrong before anything runs.
"""
