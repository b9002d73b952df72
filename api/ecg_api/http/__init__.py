"""The HTTP layer: routes, request bodies, errors and the OpenAPI document."""
