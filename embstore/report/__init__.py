"""The report of a store, one self-contained page: ``write.build_report`` makes it.

``reading`` and ``evidence`` ask the store, ``findings`` puts the answers in sentences,
``packing`` makes the numbers small, ``page`` writes the HTML around them. What the page
does in a browser is in ``scripts``, joined in the order that ``page`` lists.
"""
