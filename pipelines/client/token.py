"""The token that a front before a server asks for, from the environment."""

import os

from pipelines.client.addresses import Address

# In the environment: arguments of a process can be read by every user.
VARIABLE = "KERAS_UNET_TOKEN"


def authorization(address: Address) -> str | None:
    """Returns the value of the header Authorization, or None.

    The token goes to encrypted addresses only.
    """
    token = os.environ.get(VARIABLE)
    return f"Bearer {token}" if token and address.is_encrypted else None
