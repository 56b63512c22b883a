"""What a view says, as flat parameters of an experiment, and in a real MLflow store."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdstore import Repository, View, ViewQuery, replace
from hdstore.codec import view_hash
from hdstore.model import DEFAULT_SEED, Iteration, MappingRule, Order, RoiRule
from hdstore.repository import DataView
from hdstore.train import ml_params

VIEW = View(
    queries=(
        ViewQuery(dataset="street", version="v1", rois=(RoiRule(labels=("car",)),), weight=2.5),
        ViewQuery(dataset="night", frame="meta.city:bremen"),
    ),
    enumeration={"car": 1},
    mapping=(MappingRule(labels=("auto",), to="car"),),
    iteration=Iteration(order=Order.RANDOM, limit=100),
)


def test_parameters_are_flat_and_plain() -> None:
    """One value for each thing a view says, lists as JSON, the seed also where it is the default."""
    assert ml_params(VIEW, "abc") == {
        "view.hash": "abc",
        "view.queries": 2,
        "view.order": "random",
        "view.seed": DEFAULT_SEED,
        "view.limit": 100,
        "view.output": "all_in_frame",
        "view.pinned": False,
        "view.query.0.dataset": "street",
        "view.query.0.version": "v1",
        "view.query.0.rois": '[{"labels":["car"]}]',
        "view.query.0.weight": 2.5,
        "view.query.1.dataset": "night",
        "view.query.1.frame": "meta.city:bremen",
        "view.enumeration": '{"car":1}',
        "view.mapping": '[{"labels":["auto"],"to":"car"}]',
    }
    assert "hash" in ml_params(VIEW, "abc", prefix="")
    assert "view.seed" not in ml_params(View(queries=VIEW.queries), "abc")


def test_pins_stand_beside_their_queries(view: DataView, shuffled: DataView) -> None:
    """A pinned view says which commit each query means, and its own seed."""
    pinned = view.pinned()
    params = ml_params(pinned.value, pinned.content_hash)

    assert params["view.pinned"] is True
    assert params["view.query.0.commit"] == next(iter(pinned.value.pins.values()))
    assert ml_params(shuffled.value, "")["view.seed"] == 7


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_run_of_mlflow_remembers_its_view(
    view: DataView, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a real local store: input dataset, parameters and artifact, from which the view is bound again."""
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    from hdstore.train.mlflow import ARTIFACT, HdstoreSource, log_view

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        params = log_view(view, name="shapes by day")

    held = mlflow.get_run(run.info.run_id)
    (logged,) = held.inputs.dataset_inputs
    pinned = view.pinned()
    assert logged.dataset.name == "shapes by day"
    assert logged.dataset.digest == pinned.content_hash[:36]
    assert {tag.value for tag in logged.tags} == {"training"}
    assert held.data.params == {name: str(value) for name, value in params.items()}
    assert params["view.hash"] == pinned.content_hash
    source = HdstoreSource.from_json(logged.dataset.source)
    assert repository.data_view(source.load()).content_hash == pinned.content_hash
    text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{ARTIFACT}")
    assert view_hash(source.load()) == pinned.content_hash
    assert '"enumeration"' in text


@pytest.mark.filterwarnings("ignore::Warning")
def test_long_views_stand_in_the_artifact_alone(
    view: DataView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What MLflow would refuse or cut is left out of parameters and source."""
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    from hdstore.errors import NotFoundError
    from hdstore.train.mlflow import HdstoreSource, log_view

    long = view.with_value(replace(view.value, enumeration={f"label {n}": n for n in range(5000)}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        params = log_view(long)

    (logged,) = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert "view.enumeration" not in params
    assert logged.dataset.name == "shapes"
    with pytest.raises(NotFoundError, match="artifact"):
        HdstoreSource.from_json(logged.dataset.source).load()
    assert "label 4999" in mlflow.artifacts.load_text(f"{run.info.artifact_uri}/view.json")
