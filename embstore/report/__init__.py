"""The report of a store, one self-contained page: ``write.build_report`` makes it.

``read`` asks the store, ``findings`` puts the answers in sentences, ``pack`` makes the numbers
small, ``page`` writes the HTML around them. What the page does in a browser is in
``page/scripts``: ``lib`` draws, ``views`` fill the sections.
"""
