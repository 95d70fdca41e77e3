"""Redaction of personal data before a call is stored: numbers, addresses, dates of birth, and sensitive values."""

from trunkline.store.redaction.call_redactor import CallRedactor, Redacted, RedactedUtterance
from trunkline.store.redaction.detectors import Kind, Span, find_personal_data
from trunkline.store.redaction.policy import RedactionPolicy, policy_of

__all__ = [
    "CallRedactor",
    "Kind",
    "Redacted",
    "RedactedUtterance",
    "RedactionPolicy",
    "Span",
    "find_personal_data",
    "policy_of",
]
