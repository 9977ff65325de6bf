"""turns → rows

Executions, their facts, events, node states and variables, one transaction a turn. The facts are the truth: running them
through ``decide`` again gives everything else back.
"""
