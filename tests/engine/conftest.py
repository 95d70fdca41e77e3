"""Its place is its use: the helpers beside it can be imported by the tests in the folders below."""
