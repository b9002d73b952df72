"""The HTTP layer: routes, bodies, errors and the OpenAPI document."""
