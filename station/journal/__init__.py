"""The journal: what the station knows and did, on disk before anything is told to the world.

``journal`` the class the cycle and the pool use · ``reading`` look-ups that never write · ``schema`` the tables ·
``migrations`` how older files become this schema · ``store`` connections, transactions and the border to the database's
errors · ``sqlite`` and ``postgresql`` what only one of the two databases needs.
"""
