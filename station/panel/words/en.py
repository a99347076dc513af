"""The page in English. What is said of codes stands in ``station.errors.CATALOGUE``."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "page.title": "Station",
    "nav.label": "Pages",
    "nav.skip": "To the content",
    "nav.operator": "Operator",
    "role.operator": "operator",
    "role.engineer": "engineer",
    "role.supervisor": "supervisor",
    "login.title": "Log in",
    "login.name": "Name",
    "login.password": "Password",
    "login.in": "Log in",
    "login.out": "Log out",
    "login.as": "{name}, {role}",
    "login.wrong": "Name and password do not fit.",
    "login.wait": "Too many wrong tries. Wait {seconds} s, then try again.",
    "login.unavailable": "Nobody can log in now. Call the engineer: the file of users cannot be read.",
    "problem.back": "Back to the operator's page",
    "error.no_page": "There is no such page",
    "error.wrong_method": "This address cannot be used so",
    "error.log_in": "Log in first",
    "error.no_right": "Your role may not do this",
    "error.too_many": "Too many pages are open",
    "error.stale_form": "This page is out of date. Load it again, then repeat.",
    "error.field_missing": "Fill in: {field}",
    "error.scan": "This is not a scan: too long, or not printable",
    "start.taken": "Socket {socket} starts",
    "abort.taken": "Socket {socket} stops before its next step",
    "abort.nothing": "No cycle runs in socket {socket}",
}
