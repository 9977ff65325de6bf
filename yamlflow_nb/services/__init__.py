"""a person's verb → one use case → the loop and the store

What faces (command line, notebook, REST) may ask for: pipelines, executions, tasks. Nothing here draws, and nothing here decides
what an execution does.
"""
