import { CountersignError } from '../canon/index.js'
import { ledgerFault } from './error-table.js'

/** ENOSPC, EDQUOT, EROFS and EIO, as the C library has LevelDB say them and as Node names them. */
const DISK =
  /No space left on device|Disk quota exceeded|Read-only file system|Input\/output error|\b(ENOSPC|EDQUOT|EROFS|EIO)\b/

/** `ledger_disk` for a ledger that can't be opened because its disk takes or gives nothing; every other error as it is. */
export function namingDisk(error: unknown): unknown {
  const isOfDisk =
    error instanceof CountersignError && error.code === 'ledger_unreadable' && DISK.test(error.detail)
  return isOfDisk ? ledgerFault('ledger_disk', error.detail) : error
}
