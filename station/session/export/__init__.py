"""A session log in forms that other programs read. Pure: a log that was read and checked goes in, bytes come out.

``html``          a page to look at: ``chart`` draws, ``event_rows`` lists, ``spans`` says what took time
``har``           the HTTP exchanges
``pcapng``        the bytes and lines of every channel

A log holds no secret, so neither does any of them. A copy that may leave the factory is another log first (see
``station.anonymise``): ``identities`` and ``board_names`` find what names boards, ``board_reads`` in what they said themselves;
``pseudonyms`` invents, ``substitution`` and ``inputs`` replace, ``surroundings`` moves the station elsewhere, and ``rewriting``
has the cycle tell the rest.
"""
