"""Something to try: generated data of the shapes that people bring, and a project.

Generators are seeded, so two runs with one seed give the same bytes. Only the command
line uses them; no room does.
"""
