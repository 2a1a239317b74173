"""An error crosses processes whole."""

from mlc_explorer.errors import Crashed, MlcError, Refused


def test_round_trip_keeps_class_and_fields():
    error = Refused("no", hint="try", place="loop", detail="IR", code="c", params={"a": 1}, paths=("m/k",))
    back = MlcError.from_json(error.to_json())
    assert type(back) is Refused
    assert back.to_json() == error.to_json()
    assert str(back) == "no"


def test_an_unknown_class_comes_back_as_the_root():
    assert type(MlcError.from_json({"error": "os.system", "message": "x"})) is MlcError
    assert type(MlcError.from_json(Crashed("dead").to_json())) is Crashed
