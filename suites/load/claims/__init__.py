"""Claims: common statements about servers, each tested as a scenario by a written rule."""
