"""The shapes that are measured, as YAML text: what a user would have written."""

from __future__ import annotations

HEAD = "apiVersion: yamlflow/v1\nname: {name}\nnodes:\n"
WIDTH = 10


def _node(name: str, start: str | None) -> str:
    when = f'    startWhen: "{start}"\n' if start else ""
    return f"  - id: {name}\n    type: python\n    code: pass\n{when}"


def chain(n: int) -> str:
    """n nodes, each after the one before."""
    nodes = [_node(f"n{i}", f"event:n{i - 1}.completed" if i else None) for i in range(n)]
    return HEAD.format(name="chain") + "".join(nodes)


def fan(n: int) -> str:
    """One, then n - 2 beside each other, then one that waits for all of them."""
    middle = n - 2
    beside = [_node(f"m{i}", "event:first.completed") for i in range(middle)]
    return HEAD.format(name="fan") + "".join([_node("first", None), *beside, _node("last", "all(event:m*.completed)")])


def layered(n: int) -> str:
    """Layers of ten, each node after all ten of the layer before."""
    nodes = []
    for layer in range(n // WIDTH):
        before = ", ".join(f"event:l{layer - 1}_{i}.completed" for i in range(WIDTH))
        nodes += [_node(f"l{layer}_{i}", f"all({before})" if layer else None) for i in range(WIDTH)]
    return HEAD.format(name="layered") + "".join(nodes)


SHAPES = {"chain": chain, "fan-out/in": fan, "layered": layered}


def for_each() -> str:
    """One node over a list that is an input."""
    return (
        "apiVersion: yamlflow/v1\nname: for_each\ninputVariables:\n  items: {type: array}\nnodes:\n"
        '  - id: each\n    type: python\n    code: x = number\n    forEach: "{{ pipeline.input.items }}"\n'
        '    inputBindings: {number: "{{ item }}"}\n    outputs: {x: integer}\n'
    )


def realistic(n: int) -> str:
    """Nodes as people write them: a title, bindings, a trigger with a condition, a retry."""
    nodes = []
    for i in range(n):
        text = f"  - id: step_{i}\n    title: Step {i}\n    type: python\n    function: work:step\n    outputs: {{rows: integer}}\n"
        if i:
            before = i - 1 if i < 4 else i - (i % 3) - 1
            text += f'    inputBindings: {{rows: "{{{{ step_{before}.rows }}}}"}}\n'
            text += f'    startWhen: "event:step_{before}.completed && {{{{ step_{before}.rows > 0 }}}}"\n'
            text += "    retry: {maxAttempts: 3, delay: 2s}\n"
        nodes.append(text)
    return HEAD.format(name="realistic") + "".join(nodes)
