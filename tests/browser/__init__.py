"""The page in a real browser. A package, so that its one Chromium ends with the last of these tests: while playwright runs, the
thread of the tests has an event loop that runs, and no other test could have one."""
