"""The lines of a pipeline's picture."""

from __future__ import annotations

from yamlflow_nb.bootstrap import pipelines

TEXT = """\
name: p
nodes:
  - {id: load_a, type: python, code: "x = 1", outputs: {x: integer}}
  - {id: load_b, type: python, code: pass, startWhen: "event:load_a.failed || event:pipeline.started"}
  - {id: both, type: python, code: pass, startWhen: "all(event:load_*.completed) && {{ load_a.x > 0 }}"}
  - {id: reads, type: python, code: pass, inputBindings: {x: "{{ load_a.x | default(0) }}"}}
  - {id: each, type: python, code: pass, forEach: "{{ [load_a.x] }}", skipWhen: "event:both.failed"}
  - {id: last, type: python, code: pass, startWhen: "event:pipeline.finishing"}
"""


def test_a_line_comes_from_all_that_a_node_waits_for_or_reads_and_a_finally_node_comes_after_what_is_left():
    found = pipelines().planned(TEXT)["edges"]
    assert found == [
        ("load_a", "load_b"), ("load_a", "both"), ("load_b", "both"), ("load_a", "reads"), ("load_a", "each"), ("both", "each"),
        ("reads", "last"), ("each", "last"),
    ]  # fmt: skip


def test_a_pipeline_can_be_drawn_before_anything_has_run():
    shown = pipelines().planned(TEXT, "<cell>")
    assert shown["status"] == "not started" and {node["state"] for node in shown["nodes"]} == {"pending"}
