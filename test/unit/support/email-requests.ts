/** The request that asks whether the server can send invitations: for the nil UUID, which no invitation has. */
export const probePath = /\/0{8}-0{4}-0{4}-0{4}-0{12}\/send_email\/$/;

/** Every other path of the endpoint: requests that email a link. */
export const sendPath = /(?<!\/0{8}-0{4}-0{4}-0{4}-0{12})\/send_email\/$/;
