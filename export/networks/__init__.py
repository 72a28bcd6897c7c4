"""One file a family of networks: published weights -> a torch module that exports to one clean ONNX graph."""
