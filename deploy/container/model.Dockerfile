# Models as an image, for those who have Docker at hand: the layout that `hornbeam pack` writes, without its reproducible digest.
#
#   docker build --file deploy/container/model.Dockerfile --tag registry.example/models:1 models/
FROM scratch
COPY . /models
