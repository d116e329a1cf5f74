"""What a call is refused with."""

import pytest
from botocore.exceptions import ClientError


def refused(code, call, **arguments):
    """The message of the error `code` that `call(**arguments)` is refused with. A reply to HEAD has no body, so its
    code is its status."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    error = refusal.value.response["Error"]
    assert error["Code"] == code, refusal.value
    return error["Message"]
