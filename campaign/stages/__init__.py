"""One module a kind of stage, all with the same face: ``run(config, inputs, context)`` fills ``context.folder``."""
