"""a text with statements, and values → the text that people read

Rendered in a process of its own, which is killed when it takes too long.
"""
