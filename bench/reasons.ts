/**
 * What stands in the way of a goal that was missed, by `goalKey`: the page shows it beside the figure of the run. Written by
 * hand, without figures; `npm run bench -- --render` puts it on the page. A goal that is met again needs its reason no more.
 */
export const reasons: Readonly<Record<string, string>> = {}
