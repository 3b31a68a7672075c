"""Errors that a user can act on: each says what is wrong and what to do."""

from __future__ import annotations


class WeighbridgeError(Exception):
    """Base of every error that the suite raises on purpose; its text is for the user."""


class ContractError(WeighbridgeError):
    """A method or task broke its interface: wrong count, NaN, an answer that changes."""


class DataUnavailable(WeighbridgeError):
    """A data set is not on this machine; the message says where it would come from."""


class DataMismatch(WeighbridgeError):
    """Decoded data, or a file of weights, do not have the declared hash."""


class SelectorError(WeighbridgeError):
    """A selector names nothing that exists; the message lists the nearest names."""


class NothingToRun(SelectorError):
    """What is named is there, and no method of it can run on any task of it; the message says why."""


class DeclarationError(WeighbridgeError):
    """A YAML declaration is malformed; the message names file, field and what is allowed."""


class MachineError(WeighbridgeError):
    """The machine does not do what it is asked: a full disk, a refused lock; the message says what to do."""
