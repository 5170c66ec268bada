/** `metav1.Time`: RFC 3339 in whole seconds. */
export const formatTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
/** `metav1.MicroTime`. JavaScript's clock ends at milliseconds. */
export const formatMicroTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`;
