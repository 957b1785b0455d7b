"""Operators before and behind the loop are kept apart, and counted with no step."""

from sdprof.collectors import operators

LOOP = """
net = nn.Linear(4, 4)
x = torch.ones(2, 4)

def run():
    y = x.exp()  # set-up
    for t in range(3):
        y = net(y)
    return y.sigmoid() * y  # aftermath
"""


def test_what_runs_outside_of_the_loop_has_its_scope_and_no_share_of_a_step(watch, line_of):
    watched = watch(LOOP)
    census = operators.collect(watched)
    found = {(site.op, site.scope): (site.calls, site.calls_per_step) for site in census.outside}
    assert found["aten::exp", "setup"] == (1, 0.0)
    assert found["aten::sigmoid", "results"] == (1, 0.0)
    assert {site.scope for site in census.sites} == {"in_loop"}
    assert sum(site.calls for site in census.sites) == census.operators
