import zipfile

import pytest
from hostile import make_model

import ckeras as keras


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The members of a file that loads."""
    path = tmp_path_factory.mktemp("good") / "good.keras"
    make_model().save(path)
    with zipfile.ZipFile(path) as z:
        members = {n: z.read(n) for n in z.namelist()}
    keras.models.load_model(path)  # the control
    return members
