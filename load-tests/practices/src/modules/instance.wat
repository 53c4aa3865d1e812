;; An instance as a server would start it for a request: 16 MiB, some data, and work that touches a part.
(memory (export "memory") 256 256)
(data (i32.const 1024) "a table that the program is born with")

;; Writes a word into each 4 KiB of so many bytes, and gives a byte of the data.
(func (export "touch") (param $bytes i32) (result i32)
  (local $at i32)
  (loop $next
    (i32.store (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 4096)))
    (br_if $next (i32.lt_u (local.get $at) (local.get $bytes))))
  (i32.load8_u (i32.const 1024)))
