;; Loops over memory. MEMORY is the type of the memory, and INDEX that of an address.
(memory (export "memory") MEMORY)

;; Reads so many bytes in order.
(func (export "read") (param $bytes INDEX) (result i32)
  (local $at INDEX) (local $sum i32)
  (loop $next
    (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
    (local.set $at (INDEX.add (local.get $at) (INDEX.const 4)))
    (br_if $next (INDEX.lt_u (local.get $at) (local.get $bytes))))
  (local.get $sum))

;; Writes so many bytes in order.
(func (export "write") (param $bytes INDEX) (result i32)
  (local $at INDEX)
  (loop $next
    (i32.store (local.get $at) (i32.const 1))
    (local.set $at (INDEX.add (local.get $at) (INDEX.const 4)))
    (br_if $next (INDEX.lt_u (local.get $at) (local.get $bytes))))
  (i32.const 1))

;; Makes a chain: each word holds the address of the next. 16384 words are all visited before the first one again.
(func (export "chain")
  (local $word i32)
  (loop $next
    (i32.store (ADDRESS (i32.mul (local.get $word) (i32.const 4)))
      (i32.mul (i32.const 4)
        (i32.and (i32.const 16383)
          (i32.add (i32.const 4099) (i32.mul (local.get $word) (i32.const 4093))))))
    (local.set $word (i32.add (local.get $word) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $word) (i32.const 16384)))))

;; Follows the chain for so many words: no access can begin before the one before it has ended.
(func (export "follow") (param $words INDEX) (result i32)
  (local $at i32)
  (loop $next
    (local.set $at (i32.load (ADDRESS (local.get $at))))
    (local.set $words (INDEX.sub (local.get $words) (INDEX.const 1)))
    (br_if $next (INDEX.ne (local.get $words) (INDEX.const 0))))
  (local.get $at))
