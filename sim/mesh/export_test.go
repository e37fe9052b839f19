package mesh

// EndWriter makes the writer's process end by itself.
func (r *Replica) EndWriter() { r.writer.writer.hive.Shutdown() }
