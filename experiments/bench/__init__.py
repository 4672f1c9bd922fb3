"""How fast is jaxdl next to other ways of training many models on the same machine?

python -m experiments.bench
"""
