/** The version of this package, as the text command `version` answers it. */
export const VERSION = '0.1.0';
