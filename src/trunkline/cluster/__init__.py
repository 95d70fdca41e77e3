"""Several server processes as one server: workers, the owner of each call, and requests passed on to it."""
