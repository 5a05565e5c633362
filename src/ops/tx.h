// Transactions that several calls belong to. Each has a session of its own; one call at a time uses
// it. One that is left alone is forgotten when its time is up. Thread-safe.
#ifndef OPS_TX_H
#define OPS_TX_H

#include "ops/op.h"

struct op_tx;

// db must outlive it; NULL where there is no memory.
struct op_txs *op_txs_open(nacre_db *db, const struct world *world);
void op_txs_close(struct op_txs *txs);  // rolls back what is left; NULL is fine
void op_txs_cancel(struct op_txs *txs); // calls that run in transactions end; NULL is fine
// Puts the session of transaction id in the place of the call's, until op_tx_leave.
// NACRE_TRANSACTION_NOT_FOUND, also where it is another principal's; NACRE_CONFLICT: another call
// of it runs.
MUST_USE nacre_status op_tx_enter(struct op_call *call, const char *id, struct op_tx **out);
void op_tx_leave(struct op_call *call, struct op_tx *tx); // NULL is fine

#endif
