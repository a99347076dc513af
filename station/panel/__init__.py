"""The page that operators and engineers look at. It reads and never decides: what people ask for becomes a ``station.desk`` request
or a start or abort of the jig, with the same checks and the same audit as a command's. Loaded only where a configuration has it."""
