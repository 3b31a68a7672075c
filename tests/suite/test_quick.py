"""The quick profile runs what is declared, names more when asked, and refuses what would mean nothing."""

from __future__ import annotations

import pytest

from suite.discovery import scan
from suite.errors import SelectorError
from suite.planning import in_quick, plan
from suite.profiles import profile

QUICK = profile("quick")


@pytest.fixture(scope="module")
def catalogue():
    return scan()


@pytest.fixture(scope="module")
def cells(catalogue):
    return plan(catalogue, QUICK)


def labels(cells):
    return {cell.label for cell in cells}


def test_it_is_small_and_every_row_of_it_runs(cells):
    assert len(cells) <= 150
    assert all(cell.skip is None or cell.absent for cell in cells)


def test_all_six_families_have_rows_and_controls(cells):
    families = {cell.task.task.family for cell in cells}
    assert {"beir", "limit", "imagenet", "sts", "compression", "recall"} <= families
    for family in ("beir", "imagenet", "sts", "recall"):
        controls = [c for c in cells if c.task.task.family == family and c.method.cls.is_control_variant(c.variant)]
        assert controls, family


def test_every_declared_selector_names_a_variant(catalogue):
    for name, method in catalogue.methods.items():
        for selector in method.cls.quick or ():
            kept = [v for v in method.cls.variants() if in_quick(type("One", (method.cls,), {"quick": (selector,)}), v)]
            assert kept, f"{name}{selector}"


def test_a_name_alone_selects_what_is_declared_and_parameters_select_any(catalogue):
    assert labels(plan(catalogue, QUICK, "pixel-pca")) == {"pixel-pca[dim=8]", "pixel-pca[dim=32]"}
    assert labels(plan(catalogue, QUICK, "pixel-pca[dim=16]")) == {"pixel-pca[dim=16]"}


def test_what_would_mean_nothing_is_refused_with_what_to_do(catalogue):
    with pytest.raises(SelectorError, match=r"does not run crisp: .*--profile standard"):
        plan(catalogue, QUICK, "crisp")
    assert labels(plan(catalogue, QUICK, "crisp,raw-pixels")) == {"raw-pixels"}


def test_a_check_tries_what_the_profile_leaves_out(catalogue):
    tried = plan(catalogue, QUICK, "karl", undeclared=True)
    assert {cell.task.task.name for cell in tried} == {"image-coding/digits"}
    assert len(labels(tried)) > 1


def test_no_other_profile_asks(catalogue):
    assert len(labels(plan(catalogue, profile("standard"), "pixel-pca", seeds=[0]))) == 4
