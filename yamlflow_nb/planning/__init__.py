"""``PipelineDefinition → ExecutionPlan``

Every default is written out and every name is turned into the fact that settles it, once, so that running costs only
what changes. ``plan`` is the way in; ``network`` knows which fact wakes which node.
"""

from yamlflow_nb.planning.plan import plan

__all__ = ["plan"]
