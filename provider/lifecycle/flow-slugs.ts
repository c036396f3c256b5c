/**
 * The slugs of flows by `objectKey`, as their programs declare them. In a run, Pulumi asks for the diff of a flow before that of an invitation that
 * depends on it, in the same process. So an invitation learns here, at preview too, that its flow gets another slug, although its input, the
 * flow's pk, is the same.
 */
export const declaredSlugs = new Map<string, string>();
