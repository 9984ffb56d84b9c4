// A module for the supervisor: its function says which process runs the job.
// biome-ignore lint/style/noDefaultExport: what a supervisor reads of a module.
export default { pid: () => String(process.pid) };
