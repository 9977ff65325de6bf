"""``ExecutionPlan + facts → events and decisions``

The pure machine. ``decide(state, fact)`` takes in what happened and says what is stored and what is to be done; truth is
kept by counters, so a commit costs what it settles. No clock, thread, file or database is in here: ``simulate`` and the
loop of a real run call the same ``decide``.
"""
