import { queueLeaseContract } from "./contract/test-queue-leases.ts";
import { queueMessageContract } from "./contract/test-queue-messages.ts";
import { queueOrderContract } from "./contract/test-queue-orders.ts";
import { queueRandomContract } from "./contract/test-queue-random.ts";
import { queueSharingContract } from "./contract/test-queue-sharing.ts";
import { SqliteQueuePlaces } from "./contract/test-queue-sqlite-place.ts";

const places = new SqliteQueuePlaces();
const makePlace = () => places.make();

queueMessageContract(makePlace);
queueLeaseContract(makePlace);
queueOrderContract(makePlace);
queueRandomContract(makePlace);
queueSharingContract(makePlace, 2);
