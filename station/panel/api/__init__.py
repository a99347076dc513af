"""What programs use of the page (``/api/v1``): the same data as JSON, the same actions with the same checks and audit, and a
stream of events, described by OpenAPI. It reads and never decides, like the pages."""
