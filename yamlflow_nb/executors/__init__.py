"""``decision → work → fact``

One file a task type: what its fields are, and the executor that does its work. An executor gets resolved inputs and
fields, works, and returns a result or raises; it never writes state.
"""
