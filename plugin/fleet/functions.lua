#!lua name=session_status_1
-- The server side of the fleet: every rule that must be atomic. Redis 7, FUNCTION LOAD.
--
-- One shard is: an owners hash (o), a change stream (d) and bucket hashes. All share a hash slot.
--   o:       birth        random, made when missing: a new value means the data is new
--            s<node>      the last batch number applied for this node
--            g<node>      its live generations, four bytes each, the one it writes first.
--                         One: settled. More: a re-send is under way.
--   bucket:  field = 16 bytes of keyed hash; value = epoch(8) node(2) generation(4), then for each
--            connection that was taken over and has not confirmed: node(2) generation(4).
--            node 0: nobody is online; the row keeps older connections from coming back.
--   d:       field e: type(1) node(2) generation(4) number(4), then
--            B: the older generations that stay live; A: the events applied; E: nothing
--   event:   U or D (1) hash(16) epoch(8) reason(1)
--
-- Numbers are compared as numbers (below 2^53): the server's string order depends on its locale.

local EVENT = 26
local NOBODY_NODE = '\0\0'
local NOBODY = NOBODY_NODE .. '\0\0\0\0'

local function generations(o, cache, node)
  local g = cache[node]
  if g == nil then
    g = redis.call('HGET', o, 'g' .. node) or ''
    cache[node] = g
  end
  return g
end

-- Is this generation of this node one whose rows count?
local function is_live(o, cache, node, generation)
  local g = generations(o, cache, node)
  for i = 1, #g, 4 do
    if string.sub(g, i, i + 3) == generation then return true end
  end
  return false
end

-- The unconfirmed connections in row, but those of `node` and those that are dead.
local function unconfirmed(o, cache, row, node)
  if #row == 14 then return '' end
  local kept = ''
  for i = 15, #row, 6 do
    local who = string.sub(row, i, i + 1)
    if who ~= node and is_live(o, cache, who, string.sub(row, i + 2, i + 5)) then
      kept = kept .. string.sub(row, i, i + 5)
    end
  end
  return kept
end

local function append(d, maxlen, entry)
  redis.call('XADD', d, 'MAXLEN', '~', maxlen, '*', 'e', entry)
end

-- Eight taken-over connections at most: a value over 64 bytes costs a bucket its compact form.
local function bounded(list)
  if #list > 48 then return string.sub(list, #list - 47) end
  return list
end

-- keys: o d    args: node generation older-generations maxlen random
-- Opens a re-send under a new generation. Older ones given stay live until finish.
local function begin(keys, args)
  local o, d = keys[1], keys[2]
  local node, generation, older = args[1], args[2], args[3]
  redis.call('HSETNX', o, 'birth', args[5])
  redis.call('HSET', o, 's' .. node, 0, 'g' .. node, generation .. older)
  append(d, args[4], 'B' .. node .. generation .. '\0\0\0\0' .. older)
  return 'OK'
end

-- The batch number must be the next one of the generation being written.
local function check(o, node, generation, number)
  local st = redis.call('HMGET', o, 's' .. node, 'g' .. node)
  if not st[1] or not st[2] or string.sub(st[2], 1, 4) ~= generation then return 'GAP' end
  local have = tonumber(st[1])
  if number == have then return 'DUP' end
  if number ~= have + 1 then return 'GAP' end
  return nil, st[2]
end

-- keys: o d bucket…    args: node generation number maxlen events
-- One letter per event: A applied, T applied and took over from another node, S stale: a newer
-- connection exists, I nothing to do. Or GAP: send everything again. Or DUP: was applied before.
local function apply(keys, args)
  local o, d = keys[1], keys[2]
  local node, generation, number, events = args[1], args[2], tonumber(args[3]), args[5]
  local verdict, mine = check(o, node, generation, number)
  if verdict then return verdict end
  local cache = { [node] = mine }
  local me = struct.unpack('>I2', node)
  local letters, applied = {}, {}
  for i = 1, #keys - 2 do
    local at = (i - 1) * EVENT
    local bucket = keys[i + 2]
    local hash = string.sub(events, at + 2, at + 17)
    local epoch = struct.unpack('>I8', events, at + 18)
    local row = redis.call('HGET', bucket, hash)
    local letter = 'I'
    if string.byte(events, at + 1) == 85 then -- U
      letter = 'A'
      local left = ''
      if row then
        local row_epoch, row_node_number = struct.unpack('>I8I2', row)
        local row_node, row_generation = string.sub(row, 9, 10), string.sub(row, 11, 14)
        left = unconfirmed(o, cache, row, node)
        local counts
        if row_node_number == 0 then
          counts = #unconfirmed(o, cache, row, '') > 0
        else
          counts = is_live(o, cache, row_node, row_generation)
        end
        if counts and (row_epoch > epoch or (row_epoch == epoch and row_node_number > me)) then
          letter = 'S'
        elseif counts and row_node_number ~= 0 and row_node ~= node then
          letter = 'T'
          left = bounded(left .. row_node .. row_generation)
        end
      end
      if letter ~= 'S' then
        redis.call('HSET', bucket, hash, string.sub(events, at + 18, at + 25) .. node .. generation .. left)
      end
    else
      -- An end proves that its connection existed: older ones are superseded, here and, by the
      -- change stream, on every node that still holds one.
      local row_epoch = row and struct.unpack('>I8', row) or -1
      local row_node = row and string.sub(row, 9, 10)
      if row_epoch < epoch or (row_epoch == epoch and row_node == node) then
        letter = 'A'
        if row then
          local left = unconfirmed(o, cache, row, node)
          if row_node ~= node and row_node ~= NOBODY_NODE
              and is_live(o, cache, row_node, string.sub(row, 11, 14)) then
            left = bounded(left .. string.sub(row, 9, 14))
          end
          if left == '' then
            redis.call('HDEL', bucket, hash)
          else
            redis.call('HSET', bucket, hash, string.sub(events, at + 18, at + 25) .. NOBODY .. left)
          end
        end
      elseif #row > 14 then
        -- The end of a connection that was taken over: confirmed.
        local left = unconfirmed(o, cache, row, node)
        if left == '' and row_node == NOBODY_NODE then
          redis.call('HDEL', bucket, hash)
        elseif #left ~= #row - 14 then
          redis.call('HSET', bucket, hash, string.sub(row, 1, 14) .. left)
        end
      end
    end
    letters[i] = letter
    if letter == 'A' or letter == 'T' then
      applied[#applied + 1] = string.sub(events, at + 1, at + EVENT)
    end
  end
  redis.call('HSET', o, 's' .. node, args[3])
  append(d, args[4], 'A' .. node .. generation .. struct.pack('>I4', number) .. table.concat(applied))
  return table.concat(letters)
end

-- keys: o d    args: node generation number maxlen
-- Closes the re-send: what the node did not send again is dead.
local function finish(keys, args)
  local o, d = keys[1], keys[2]
  local node, generation, number = args[1], args[2], tonumber(args[3])
  local verdict = check(o, node, generation, number)
  if verdict then return verdict end
  redis.call('HSET', o, 's' .. node, args[3], 'g' .. node, generation)
  append(d, args[4], 'E' .. node .. generation .. struct.pack('>I4', number))
  return 'OK'
end

-- keys: o d    → last stream id, then the fields of o: one moment of a shard.
local function look(keys)
  local last = redis.call('XREVRANGE', keys[2], '+', '-', 'COUNT', 1)
  return { last[1] and last[1][1] or '0-0', redis.call('HGETALL', keys[1]) }
end

-- keys: o bucket    args: hash
-- → epoch(8) node(2) of the row, or empty: nobody is online. Whether the node lives is the
-- caller's to say.
local function find(keys, args)
  local row = redis.call('HGET', keys[2], args[1])
  if not row or string.sub(row, 9, 10) == NOBODY_NODE then return '' end
  if not is_live(keys[1], {}, string.sub(row, 9, 10), string.sub(row, 11, 14)) then return '' end
  return string.sub(row, 1, 10)
end

-- keys: o bucket    → how many dead rows were removed. For memory only: dead rows never count.
local function sweep(keys)
  local o, bucket = keys[1], keys[2]
  local rows, cache, removed = redis.call('HGETALL', bucket), {}, 0
  for i = 1, #rows, 2 do
    local row = rows[i + 1]
    local node = string.sub(row, 9, 10)
    local alive
    if node == NOBODY_NODE then
      alive = unconfirmed(o, cache, row, '') ~= ''
    else
      alive = is_live(o, cache, node, string.sub(row, 11, 14))
    end
    if not alive then
      redis.call('HDEL', bucket, rows[i])
      removed = removed + 1
    end
  end
  return removed
end

-- keys: lease    args: boot milliseconds
-- OK, or TAKEN: another process holds this node's lease.
local function renew(keys, args)
  local holder = redis.call('GET', keys[1])
  if holder and holder ~= args[1] then return 'TAKEN' end
  redis.call('SET', keys[1], args[1], 'PX', args[2])
  return 'OK'
end

-- keys: lease    args: boot
local function release(keys, args)
  if redis.call('GET', keys[1]) == args[1] then redis.call('DEL', keys[1]) end
  return 'OK'
end

redis.register_function('ss1_begin', begin)
redis.register_function('ss1_apply', apply)
redis.register_function('ss1_finish', finish)
redis.register_function { function_name = 'ss1_look', callback = look, flags = { 'no-writes' } }
redis.register_function { function_name = 'ss1_find', callback = find, flags = { 'no-writes' } }
-- These free memory, or keep a node alive: they must work when memory is full.
redis.register_function { function_name = 'ss1_sweep', callback = sweep, flags = { 'allow-oom' } }
redis.register_function { function_name = 'ss1_renew', callback = renew, flags = { 'allow-oom' } }
redis.register_function { function_name = 'ss1_release', callback = release, flags = { 'allow-oom' } }
