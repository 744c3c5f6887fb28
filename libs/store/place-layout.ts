/** domain (8) ‖ id (20). Here, apart, because a worker starts faster with little to load. */
export const placeKeyBytes = 28;
/** What `encodePlace` makes. */
export const placeValueBytes = 20;
