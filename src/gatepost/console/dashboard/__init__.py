"""The dashboard: pages for people, made of the API's own operations.

``site`` routes and guards, ``desk`` asks the operations as the API does, ``frame`` renders; one module for each page beside them.
"""
