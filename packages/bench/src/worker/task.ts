const [, , first = '', second = '', third = '', fourth = ''] = process.argv;

/** What a worker is told on its command line. */
export const port = Number(first);
export const concurrency = Number(second);
/** `echo` gives its job back, `stamp` the moment in which its handler is called. */
export const functionName = third;
/** Whether the handler returns a promise, where that may make a difference. */
export const isAsync = fourth === 'async';
