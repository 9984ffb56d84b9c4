const [, , first = '', second = '', third = ''] = process.argv;

/** What a worker is told on its command line. */
export const port = Number(first);
export const concurrency = Number(second);
/** `echo` gives its job back, `stamp` the moment in which its handler is called. */
export const functionName = third;
