;; What is handed to a guest. Memory is a bump that starts again with each call.
(memory (export "memory") 64)
(global $next (mut i32) (i32.const 524288))

;; A table of 100 KB that is kept lies at 65536.
(global $table i32 (i32.const 65536))

(func (export "nop"))

;; Room for so many bytes, for a host that passes a pointer and a length.
(func $room (export "room") (param $bytes i32) (result i32)
  (local $at i32)
  (local.set $at (global.get $next))
  (global.set $next
    (i32.and (i32.const -8)
      (i32.add (i32.const 7) (i32.add (local.get $at) (local.get $bytes)))))
  (local.get $at))

(func $again (export "again") (global.set $next (i32.const 524288)))

;; The allocator of the component model.
(func $realloc (export "realloc") (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
  (local $at i32)
  (if (i32.and (i32.ne (local.get $old) (i32.const 0)) (i32.le_u (local.get $bytes) (local.get $old_bytes)))
    (then (return (local.get $old))))
  (local.set $at (call $room (local.get $bytes)))
  (if (local.get $old)
    (then (memory.copy (local.get $at) (local.get $old) (local.get $old_bytes))))
  (local.get $at))

;; The first byte plus the last one: the guest looks, but hardly works.
(func (export "ends") (param $at i32) (param $bytes i32) (result i32)
  (call $again)
  (i32.add
    (i32.load8_u (local.get $at))
    (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $bytes)) (i32.const 1)))))

;; As `ends`, of units of two bytes.
(func (export "ends16") (param $at i32) (param $units i32) (result i32)
  (call $again)
  (i32.add
    (i32.load16_u (local.get $at))
    (i32.load16_u (i32.sub (i32.add (local.get $at) (i32.mul (i32.const 2) (local.get $units))) (i32.const 2)))))

;; Gives back so many bytes from 65536, where `fill` has written: pointer and length lie at 8.
(func (export "give") (param $bytes i32) (result i32)
  (call $again)
  (i32.store (i32.const 8) (global.get $table))
  (i32.store (i32.const 12) (local.get $bytes))
  (i32.const 8))

(func (export "fill") (param $bytes i32)
  (memory.fill (global.get $table) (i32.const 97) (local.get $bytes)))

;; The second numbers of so many pairs, added.
(func (export "pairs") (param $at i32) (param $count i32) (result i32)
  (local $sum i32) (local $end i32)
  (call $again)
  (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const 8))))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br $next)))
  (local.get $sum))

;; The same, of pairs that lie in so many bytes.
(func (export "packed_pairs") (param $at i32) (param $bytes i32) (result i32)
  (local $sum i32) (local $end i32)
  (call $again)
  (local.set $end (i32.add (local.get $at) (local.get $bytes)))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br $next)))
  (local.get $sum))

;; The same, of JSON: every second number in the text is added. A real parser has more to do.
(func (export "json_pairs") (param $at i32) (param $bytes i32) (result i32)
  (local $sum i32) (local $end i32) (local $number i32) (local $digit i32) (local $in_number i32) (local $second i32)
  (call $again)
  (local.set $end (i32.add (local.get $at) (local.get $bytes)))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
      (if (i32.lt_u (local.get $digit) (i32.const 10))
        (then
          (local.set $number (i32.add (local.get $digit) (i32.mul (local.get $number) (i32.const 10))))
          (local.set $in_number (i32.const 1)))
        (else
          (if (local.get $in_number)
            (then
              (if (local.get $second)
                (then (local.set $sum (i32.add (local.get $sum) (local.get $number)))))
              (local.set $second (i32.eqz (local.get $second)))
              (local.set $number (i32.const 0))
              (local.set $in_number (i32.const 0))))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
  (local.get $sum))

;; The first bytes of so many strings, added. A string is a pointer and a length.
(func (export "strings") (param $at i32) (param $count i32) (result i32)
  (local $sum i32) (local $end i32)
  (call $again)
  (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const 8))))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.load (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br $next)))
  (local.get $sum))

;; The same, of strings in one block: before each stands its length in four bytes.
(func (export "packed_strings") (param $at i32) (param $bytes i32) (result i32)
  (local $sum i32) (local $end i32)
  (call $again)
  (local.set $end (i32.add (local.get $at) (local.get $bytes)))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u offset=4 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.add (i32.const 4) (i32.load (local.get $at)))))
      (br $next)))
  (local.get $sum))

;; One byte of a table that comes with the call.
(func (export "find_in") (param $at i32) (param $bytes i32) (param $key i32) (result i32)
  (call $again)
  (i32.load8_u (i32.add (local.get $at) (local.get $key))))

;; Keeps a table.
(func (export "keep") (param $at i32) (param $bytes i32)
  (call $again)
  (memory.copy (global.get $table) (local.get $at) (local.get $bytes)))

;; One byte of the table that is kept.
(func (export "find") (param $key i32) (result i32)
  (i32.load8_u (i32.add (global.get $table) (local.get $key))))
